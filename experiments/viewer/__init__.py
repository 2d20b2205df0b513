"""Recorded episodes in rerun: the robot in 3-D, every stream, and what happened, on one time line."""
