"""How well an episode was moved: measured by instruction step, judged against references, told as a coach would."""
