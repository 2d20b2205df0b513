"""One environment, two bodies, and the episodes it leaves behind."""

from envs.registry import register_envs

register_envs()
