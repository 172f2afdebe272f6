"""The workflows, one file a verb. Here a concrete bundle meets concrete stores; nothing is printed here."""
