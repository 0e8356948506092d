"""What --help teaches beside the options."""

from __future__ import annotations

DESCRIPTION = """\
Talk with Parley. On a terminal it takes the whole screen: captions, whose turn it is, levels, where the time goes.
With --say it is headless: it says the files, waits for each answer, and ends."""

EPILOG = """\
keys on the screen (? shows them too):
  space  hold it to talk; let go when you have finished. Once used, turns end by it
  t      the same by two presses, for terminals whose keys don't repeat
  m      mute, and open again            esc  stop Parley's reply
  d      microphone, speaker, echo       /    type instead of speaking
  r      record for a bug report: asks first, shows that it records, says where the file is
  l      light or dark                   q    hang up and leave (Ctrl-C too)

examples:
  python -m clients.desktop
      talk
  python -m clients.desktop --plain
      talk, with lines instead of the screen: for a screen reader, a pipe, an old terminal
  python -m clients.desktop --input headset --output headset --echo headphones
  python -m clients.desktop --say question.wav --record out.wav
      ask one question, keep both voices: the person left, Parley right
  python -m clients.desktop --say hello.wav more.wav --transcript out.txt
      say the second file once the answer to the first has been heard
  python -m clients.desktop --server parley.example:7700 --agent tutor
  python -m clients.desktop --server wss://parley.example --token @token.txt
  python -m clients.desktop --server grpcs://parley.example:7700 --ca ca.pem
      over TLS, to a server whose certificate was signed by the CA in ca.pem
  python -m clients.desktop --server one.example:7700,two.example:7700
      call the second where the first is full or away; go on there when the first is lost

settings:
  A flag goes before a variable of the environment, that before the config file. Variables: PARLEY_SERVER, PARLEY_CA,
  PARLEY_AGENT, PARLEY_TOKEN, PARLEY_INPUT, PARLEY_OUTPUT, PARLEY_BACKEND, PARLEY_ECHO, PARLEY_THEME, PARLEY_PLAIN.
  The file is CONFIG_PATH
  (another one by --config or PARLEY_CONFIG), in TOML, its keys named like the flags:
      server = "wss://parley.example"
      token = "@~/parley.token"
      input = "headset"
      echo = "headphones"

exit codes:
  0  the conversation ended well: you hung up, or Parley did, and has said why
  1  a wrong option or setting, an unreadable file, or no sound device
  2  the server can't be reached, or refused
  3  the conversation went wrong: no answer in time, the connection was lost, or
     Parley hung up before all files were said
  130  stopped by Ctrl-C before the files were through"""
