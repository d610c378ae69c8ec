for name in VIRTUAL_ENV VIRTUAL_ENV_PROMPT PYTHONHOME LD_LIBRARY_PATH PATH; do
    eval "is=\${$name+set}"
    if [ "$is" ]; then
        echo "set _mlenv_was_$name = exported; set _mlenv_old_$name = \"\$$name:q\";"
    else
        echo "set _mlenv_was_$name = unset; set _mlenv_old_$name = '';"
    fi
done
path=@FIRST@
rest=${LD_LIBRARY_PATH-}:
while [ "$rest" ]; do
    one=${rest%%[:;]*}
    rest=${rest#*[:;]}
    for name in @SHADOWING@; do
        [ ! -e "$one/$name" ] || one=
    done
    [ -z "$one" ] || path=${path:+$path:}$one
done
last=@LAST@
[ -z "$last" ] || path=${path:+$path:}$last
[ "$path" ] || exit 0
quoted=$(printf "%s\n" "$path" | sed -e "s/'/'\\\\''/g" -e "s/!/'\\\\!'/g" -e "\$!s/\$/'\"\$_mlenv_newline:q\"'/" | tr -d "\n")
printf "setenv LD_LIBRARY_PATH '%s';\n" "$quoted"
