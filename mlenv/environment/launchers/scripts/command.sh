#!/bin/sh
# Made by mlenv: runs this command of the environment with its libraries.
unset PYTHONHOME
_mlenv_path=@FIRST@ _mlenv_rest=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}
while [ -n "$_mlenv_rest" ]; do
    _mlenv_one=${_mlenv_rest%%[:;]*} _mlenv_rest=${_mlenv_rest#*[:;]}
    for _mlenv_name in @SHADOWING@; do
        [ ! -e "$_mlenv_one/$_mlenv_name" ] || _mlenv_one=
    done
    _mlenv_path=$_mlenv_path${_mlenv_one:+:$_mlenv_one}
done
export LD_LIBRARY_PATH="$_mlenv_path"@LAST@
