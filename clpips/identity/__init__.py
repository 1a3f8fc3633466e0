"""Identity: gallery ranking (Finer-Personalization Rank) and near-identity distractors (NearID)."""
