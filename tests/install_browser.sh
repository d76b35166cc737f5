#!/bin/sh
# The browser for the tests of the report and the web page: Debian's chromium, through apt-get
# where that is possible. Those tests are skipped where there is none.
set -eu
if command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    if apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium >/dev/null; then
        exit 0
    fi
fi
echo "No chromium, and it could not be installed: the tests in a browser will be skipped." >&2
