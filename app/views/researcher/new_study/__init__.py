"""The form that makes a study."""
