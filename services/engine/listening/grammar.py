"""The phrases the recogniser expects: what one can ask the small mind for, said in several ways (JSGF).

There are two grammars, because a decoder that knows long phrases takes a short word for the start of one.
Every word must be in CMUdict.
"""

from __future__ import annotations

import re

BRIEF = """#JSGF V1.0;
grammar brief;

public <turn> = /6/ stop | /2/ please stop | /2/ stop please | stop talking | okay stop | no stop | hey stop | oh stop
       | wait | wait wait | hold on | hang on | quiet | be quiet | shut up | enough | never mind | cancel
       | no | yes | yeah | okay | sure | thanks | thank you | no thanks | yes please | not now
       | hello | hi | hey | hello there | hi there | good morning | bye | goodbye
       | go on | continue | keep going | carry on | and then | tell me more | help | pardon | repeat that
       | say it again | say that again | what was that | what time is it | how are you
       | count to ten | a story | tell me a story | another story;
"""

REQUESTS = """#JSGF V1.0;
grammar requests;

public <turn> = /8/ <stop> | /4/ <answer> | /8/ [<opening>] <request> [please];

<stop> = [<hey>] (stop | stop please | please stop | stop talking | wait | wait wait | wait a minute
       | wait a moment | wait please | hold on | hang on | be quiet | quiet | shut up | enough | that is enough
       | that's enough | cancel | never mind);
<hey> = hey | oh | okay | no;
<answer> = yes | yeah | yes please | no | no thanks | no thank you | okay | sure | thanks | thank you
       | thank you very much | not now | of course;
<opening> = hey | hello | hi | okay | please | can you | could you | can you please | could you please;

<request> = <greeting> | <time> | <count> | <story> | <again> | <about> | <sum> | <more> | <bye> | help;

<greeting> = hello | hello there | hi | hi there | good morning | good afternoon | good evening
       | how are you | how are you doing | how do you do | nice to meet you;
<time> = what time is it | what is the time | what's the time | tell me the time | tell me what time it is
       | do you know what time it is | what day is it | what day is today | what is the date | what's the date;
<count> = count to <number> | count up to <number> | count from <number> to <number> | count down from <number>;
<story> = [tell me | tell us | read me] a [long] story | tell me another story | i want to hear a story
       | i would like to hear a story;
<again> = say that again | say it again | repeat that | repeat please | what did you say | what was that
       | pardon | pardon me | repeat it | i did not hear you | i didn't hear that | one more time;
<about> = what is your name | what's your name | who are you | tell me your name | what are you called
       | what can you do | what do you know | what can i ask you | tell me about yourself;
<sum> = (what is | what's | how much is) <number> (plus | minus | times | divided by) <number>;
<more> = go on | continue | please go on | keep going | carry on | go ahead | what happened next
       | what happens next | continue the story | go on with the story | finish the story | tell me more;
<bye> = goodbye | bye | bye bye | see you later | good night;

<number> = zero | <units> | <teens> | <tens> [<units>] | (one | a) hundred;
<units> = one | two | three | four | five | six | seven | eight | nine;
<teens> = ten | eleven | twelve | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen | nineteen;
<tens> = twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety;

"""


def sentences_of(grammar: str) -> re.Pattern[str]:
    """A pattern for whole sentences of a grammar, each word followed by a space.

    A decoder that finds no sentence gives the start of one; this tells the two apart. Covers what the grammars
    above use of JSGF: groups, options, alternatives, weights, and rules that are not recursive.
    """
    rules = dict(re.findall(r"<(\w+)>\s*=\s*(.*?);", grammar, re.DOTALL))

    def expand(body: str) -> str:
        tokens = re.findall(r"/[\d.]+/|<\w+>|[\w']+|[()\[\]|]", body)
        return "".join(as_pattern(token) for token in tokens)

    def as_pattern(token: str) -> str:
        if token.startswith("/"):
            return ""
        if token.startswith("<"):
            return f"(?:{expand(rules[token[1:-1]])})"
        return {"(": "(?:", "[": "(?:", "]": ")?", ")": ")", "|": "|"}.get(token, f"{token} ")

    return re.compile(expand(rules["turn"]))
