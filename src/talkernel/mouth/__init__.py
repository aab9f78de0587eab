"""Draws a mouth into a frame: reference, lip warp, mouth mask, blending and the renderer."""
