"""A story long enough to be interrupted: about a minute and a half when spoken."""

from __future__ import annotations

STORY = """\
Once upon a time, at the foot of a lighthouse that nobody needed any more, there lived a clockmaker called \
Odile. She was not a very good clockmaker. Every clock she built ran a little slow, and the people of the \
harbour liked it that way, because with one of Odile's clocks in the kitchen there was always time for one \
more cup of tea.

One winter evening there came a knock at the door. Outside, in the snow, stood a heron with a lantern tied \
around its neck. Good evening, said the heron. The tide has stopped. It went out this morning as usual, and \
it has not come back. The fish are cross, and the boats are lying on their sides like sleeping cows. We \
wondered whether you could mend it.

Odile had never mended a tide. But she put her smallest screwdriver in her pocket, and she followed the \
lantern across the wet sand, past the sleeping boats, farther than she had ever walked, until the harbour \
lights were no bigger than crumbs.

And there, at the very edge of the world, she found the sea. It was sitting quite still, with its back to her, \
looking at the moon. Excuse me, said Odile. You are late. I know, said the sea. All my life I have been on \
time. Twice in, twice out, every single day, and nobody has ever asked me whether I would like to stay and \
look at something.

Odile thought about that. Then she sat down on the sand beside the sea, poured it a cup of tea from her flask, \
and together they looked at the moon for as long as it took. Nobody knows how long that was, because the only \
clock there was one of hers.

In the morning the tide came in, a little slow. And in that harbour it has been a little late ever since, and \
there has always been time for one more cup of tea. And that is the end of the story."""
