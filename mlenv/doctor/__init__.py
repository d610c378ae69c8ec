"""The doctor: collects facts about an environment, judges them, explains errors, repairs."""
