"""Does this installation compute what it should? Known answers, computed here and compared."""
