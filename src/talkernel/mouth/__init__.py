"""What is drawn: the mouth of one frame, from appearance to blend."""
