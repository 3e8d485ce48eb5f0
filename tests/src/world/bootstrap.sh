#!/bin/bash
# A Lambda runtime in a page: asks the Runtime API for an event, answers it with
# the version, and begins again. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
set -eu

api=/2018-06-01/runtime/invocation
host=${AWS_LAMBDA_RUNTIME_API%:*}
port=${AWS_LAMBDA_RUNTIME_API##*:}

# Sends a request of this method, path and body; headers of the answer go to `headers`.
send() {
    exec 3<>"/dev/tcp/$host/$port"
    printf '%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' \
        "$1" "$api/$2" "$AWS_LAMBDA_RUNTIME_API" "${#3}" "$3" >&3
    headers=
    while IFS= read -r line <&3 && [[ $line != $'\r' ]]; do
        headers+=${line%$'\r'}$'\n'
    done
    cat <&3 >/dev/null
    exec 3>&-
}

while true; do
    send GET next ''
    shopt -s nocasematch
    [[ $headers =~ lambda-runtime-aws-request-id:\ *([^$'\n']+) ]]
    shopt -u nocasematch
    send POST "${BASH_REMATCH[1]}/response" '{"ok": true, "version": "@version@"}'
done
