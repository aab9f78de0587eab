"""Where the face is: detection, landmarks, head pose, tracking and the crop."""
