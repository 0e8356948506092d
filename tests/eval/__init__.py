"""The evaluation of vad's ear: turns, interruptions and voice activity, scored on recordings (`make eval`)."""
