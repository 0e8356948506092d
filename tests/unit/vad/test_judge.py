"""The judge: the event loop stays free, the queue stays short, and what is refused is counted."""

from __future__ import annotations

import asyncio
import threading

import pytest

from services.vad.judge import Judge


class SlowModel:
    """A model that answers when told to and remembers who asked, and from which thread."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.begun = threading.Event()
        self.asked: list[bytes] = []
        self.threads: set[str] = set()

    def probability(self, pcm: bytes) -> float:
        """Wait for `go`; an odd number of bytes is refused as the real model does."""
        self.asked.append(pcm)
        self.threads.add(threading.current_thread().name)
        self.begun.set()
        if not self.go.wait(timeout=30):
            raise TimeoutError("the test never let the model go on")
        if len(pcm) % 2:
            raise ValueError("half a sample")
        return len(pcm) / 100


async def test_judgements_run_in_one_thread_of_their_own_in_order() -> None:
    """All answers come, each to its caller, from one worker thread."""
    model = SlowModel()
    model.go.set()
    judge = Judge(model)
    assert await asyncio.gather(*(judge.judge(bytes(size)) for size in (10, 20, 30))) == [0.1, 0.2, 0.3]
    assert [len(pcm) for pcm in model.asked] == [10, 20, 30]
    assert model.threads == {"turn-judge_0"}
    assert judge.in_flight == 0
    judge.close()


async def test_the_event_loop_goes_on_while_the_model_blocks() -> None:
    """With the model stuck inside a judgement, other tasks still take turns."""
    model = SlowModel()
    judge = Judge(model)
    waiting = asyncio.create_task(judge.judge(b"ab"))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not waiting.done()
    model.go.set()
    assert await waiting == 0.02
    judge.close()


async def test_an_overloaded_judge_refuses_at_once_and_counts() -> None:
    """Beyond the bound the answer is None without waiting; when there is room again it judges again."""
    model = SlowModel()
    judge = Judge(model, max_in_flight=2)
    waiting = [asyncio.create_task(judge.judge(b"ab")) for _ in range(2)]
    await asyncio.sleep(0)
    assert await judge.judge(b"cd") is None
    assert (judge.refused, judge.in_flight) == (1, 2)
    model.go.set()
    assert await asyncio.gather(*waiting) == [0.02, 0.02]
    assert await judge.judge(b"cd") == 0.02
    judge.close()


async def test_a_cancelled_caller_withdraws_what_has_not_begun() -> None:
    """A conversation that ends does not cost the others the time of its judgement."""
    model = SlowModel()
    judge = Judge(model)
    running = asyncio.create_task(judge.judge(b"ab"))
    waiting = asyncio.create_task(judge.judge(b"cdef"))
    await asyncio.to_thread(model.begun.wait, 30)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    model.go.set()
    assert await running == 0.02
    assert model.asked == [b"ab"]
    judge.close()


async def test_what_nobody_waits_for_any_more_is_not_judged() -> None:
    """A pause that ended while its judgement waited costs nothing; its caller hears None."""
    model = SlowModel()
    judge = Judge(model)
    wanted = True
    running = asyncio.create_task(judge.judge(b"ab"))
    waiting = asyncio.create_task(judge.judge(b"cdef", lambda: wanted))
    await asyncio.to_thread(model.begun.wait, 30)
    wanted = False
    model.go.set()
    assert (await running, await waiting) == (0.02, None)
    assert (model.asked, judge.withdrawn) == ([b"ab"], 1)
    judge.close()


async def test_bad_audio_is_the_callers_error_and_the_judge_lives_on() -> None:
    """An exception of the model reaches the caller that caused it, and nobody else."""
    model = SlowModel()
    model.go.set()
    judge = Judge(model)
    with pytest.raises(ValueError, match="half a sample"):
        await judge.judge(b"abc")
    assert await judge.judge(b"ab") == 0.02
    judge.close()


async def test_a_closed_judge_has_no_opinion() -> None:
    """After `close` the answer is None, so that a draining service goes by pauses alone."""
    judge = Judge(SlowModel())
    judge.close()
    assert await judge.judge(b"ab") is None
