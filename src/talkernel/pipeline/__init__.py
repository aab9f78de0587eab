"""The main job: a face and a speech in, a video out."""
