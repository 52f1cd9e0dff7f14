"""What people look at and listen to: never anything that goes back to the timeline."""
