"""The workflows, one file for each verb. They connect a bundle with concrete stores, and print nothing."""
