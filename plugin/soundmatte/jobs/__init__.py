"""A separation as a job: the ordered list of steps from a selection to its stems."""
