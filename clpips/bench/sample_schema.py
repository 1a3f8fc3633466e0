"""The sample file's own words and rules, from which ``docs/bench-samples.schema.json`` is made.

The fields are those of PMG-bench's unified JSON; whatever else a sample has is passed over.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    model_validator,
)

Identifier = Annotated[str | int, AfterValidator(str)]
"""Text or a whole number; kept as text."""


class ItemFields(BaseModel):
    """An item of somebody's history, or a target."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False, title="item")

    item_id: Identifier = Field(description="of the item; an image's name or number")
    caption: str = Field("", description="what the image shows, in words")
    image_path: str = Field(
        min_length=1, description="relative to the file's folder, or to --images"
    )
    score: float | None = Field(None, description="this person's rating (FLICKR-AES: 1 to 5)")
    aesthetic_score: float | None = Field(None, description="everybody's rating, 0 to 1")


class SampleFields(BaseModel):
    """One task: somebody's history, and the target that a method generates for."""

    model_config = ConfigDict(
        frozen=True,
        allow_inf_nan=False,
        title="sample",
        json_schema_extra={"oneOf": [{"required": ["user_id"]}, {"required": ["worker_id"]}]},
    )

    user_id: Identifier | None = Field(None, description="whose sample (POG, SER30K, studies)")
    worker_id: Identifier | None = Field(None, description="the same in FLICKR-AES")
    history_item_ids: list[Identifier] | None = Field(
        None, description="the items of the history, in its order"
    )
    history_items_info: list[ItemFields] = Field(min_length=1, description="oldest first")
    target_item_id: Identifier | None = Field(None, description="the target's item")
    target_item_info: ItemFields
    user_style: str | None = Field(
        None, description="keywords of what the person prefers, from their history alone"
    )
    worker_style: str | None = Field(None, description="the same in FLICKR-AES")
    num_interactions: int | None = Field(None, ge=1, description="length of the history")
    window_position: int | None = Field(
        None, ge=0, description="where the history begins in all that the person did"
    )
    total_sequence_length: int | None = Field(None, ge=1, description="how much that is")
    sample_index: int | None = Field(None, ge=0, description="of this person's samples (SER30K)")

    @model_validator(mode="after")
    def _agree(self) -> SampleFields:
        if (self.user_id is None) == (self.worker_id is None):
            raise ValueError("a sample must have either user_id or worker_id")
        own = [item.item_id for item in self.history_items_info]
        if self.history_item_ids is not None and list(self.history_item_ids) != own:
            raise ValueError("history_item_ids must be the items of history_items_info, in order")
        if self.target_item_id not in (None, self.target_item_info.item_id):
            raise ValueError("target_item_id must be the item of target_item_info")
        if self.num_interactions not in (None, len(own)):
            raise ValueError(f"num_interactions must be {len(own)}, the length of the history")
        return self


SAMPLES: TypeAdapter[list[SampleFields]] = TypeAdapter(
    Annotated[list[SampleFields], Field(min_length=1)]
)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a sample file."""
    found = SAMPLES.json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "clpips benchmark samples",
        **found,
    }


def schema_text() -> str:
    """The same as the published file's content."""
    return json.dumps(json_schema(), ensure_ascii=False, indent=2) + "\n"
