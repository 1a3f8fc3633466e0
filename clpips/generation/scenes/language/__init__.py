"""Words of a prompt → a description of a scene."""
