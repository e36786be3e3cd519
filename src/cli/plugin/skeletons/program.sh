#!/bin/sh
# A plugin of riposte: JSON lines in, JSON lines out. Notes go to standard error. Needs jq.
now() { date -u +%Y-%m-%dT%H:%M:%SZ; }
read -r hello
echo '{"type":"ready","protocol":1}'
if [ KIND = source ]; then
    jq -nc --arg time "$(now)" \
        '{type:"event",cursor:"1",kind:"sample",time:$time,fields:{name:"first"}}'
fi
while read -r line; do
    case $(printf '%s' "$line" | jq -r .type) in
    stop) exit 0 ;;
    ask) printf '%s' "$line" | jq -c '{type:"answer",id:.id,fields:{sample:true}}' ;;
    parse) printf '%s' "$line" | jq -c --arg time "$(now)" \
        '{type:"event",id:.id,kind:"sample",time:$time,fields:{name:.line}}' ;;
    act) printf '%s' "$line" | jq -c '{type:"outcome",id:.id,outcome:"applied"}' ;;
    esac
done
