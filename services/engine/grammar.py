"""The phrases the recogniser expects: what one can ask the small mind for, said in several ways (JSGF)."""

from __future__ import annotations

# Every alternative must consist of words in CMUdict; `tests/unit/engine/test_grammar.py` holds it to that.
GRAMMAR = """#JSGF V1.0;
grammar phrases;

public <turn> = <stop> | <answer> | [<opening>] <request> [<please>];

<stop> = [<hey>] (stop | stop it | stop please | please stop | stop talking | stop stop | wait | wait wait
       | wait a minute | wait a moment | wait please | hold on | hang on | be quiet | quiet | shut up | enough
       | that is enough | that's enough | no stop | no wait | okay stop | cancel | never mind | pause | silence);
<answer> = yes | yeah | yes please | no | no thanks | no thank you | okay | sure | thanks | thank you
       | thank you very much | not now | hey | maybe | of course | right;
<hey> = hey | please | oh;
<opening> = hey | hello | hi | okay | please | can you | could you | can you please | could you please
       | would you | will you | i want you to | now | and | so | well;
<please> = please | now | for me | again | to me | today;

<request> = <greeting> | <time> | <count> | <story> | <again> | <about> | <sum> | <more> | <bye> | <help>;

<greeting> = hello | hello there | hi | hi there | good morning | good afternoon | good evening
       | how are you | how are you doing | how do you do | nice to meet you;
<time> = what time is it | what is the time | what's the time | tell me the time | tell me what time it is
       | do you know what time it is | do you have the time | what day is it | what day is today
       | what is the date | what's the date | what is today's date;
<count> = count | count to <number> | count up to <number> | count from <number> to <number>
       | count down from <number>;
<story> = tell me a story | tell a story | tell me a long story | tell me the story | tell us a story
       | read me a story | i want to hear a story | i would like to hear a story | a story | story
       | tell me another story | start the story | tell me a tale | let me hear a story;
<again> = say that again | say it again | repeat that | repeat | repeat it | repeat please | again
       | what did you say | what was that | what | pardon | pardon me | sorry | excuse me
       | can you repeat that | i did not hear you | i didn't hear that | one more time;
<about> = what is your name | what's your name | who are you | tell me your name | what are you called
       | what can you do | what do you do | what do you know | what can i ask you | what can i say
       | tell me about yourself;
<sum> = (what is | what's | how much is) <number> (plus | and | minus | times | divided by) <number>
       | (add | multiply) <number> (and | by) <number>;
<more> = go on | continue | please go on | keep going | carry on | go ahead | and then | what happened next
       | what happens next | continue the story | go on with the story | finish the story | tell me more;
<bye> = goodbye | bye | bye bye | good bye | see you | see you later | good night | talk to you later;
<help> = help | help me;

<number> = zero | <units> | <teens> | <tens> [<units>] | (one | a) hundred | twelve | ten;
<units> = one | two | three | four | five | six | seven | eight | nine;
<teens> = eleven | thirteen | fourteen | fifteen | sixteen | seventeen | eighteen | nineteen;
<tens> = twenty | thirty | forty | fifty | sixty | seventy | eighty | ninety;
"""
