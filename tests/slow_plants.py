"""Plants whose every processing time is another multiple of what the plant file says."""

from __future__ import annotations

from twin.model.plant import Plant, Processing


def slowed(plant: Plant, factor: float) -> Plant:
    """The plant, each lot taking so many times as long; faster with a factor below 1."""

    def longer(row: Processing) -> Processing:
        return row.model_copy(update={"time": {k: factor * t for k, t in row.time.items()}})

    units = [
        unit.model_copy(update={"processing": [longer(row) for row in unit.processing]})
        for unit in plant.work_units
    ]
    return plant.model_copy(update={"work_units": units})
