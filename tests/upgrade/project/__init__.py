"""A shop on 0.x: what such a project has of its own, as it stood before the upgrade."""
