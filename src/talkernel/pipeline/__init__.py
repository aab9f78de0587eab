"""The main job: reads a face and a speech, writes a video of the face speaking."""
