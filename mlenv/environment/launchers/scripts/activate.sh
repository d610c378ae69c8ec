# Made by mlenv, for bash, zsh and every other POSIX shell. Source it: `. activate`.
# `deactivate` puts every variable back as it was: its value, and whether it was set and exported.

if [ -n "${_OLD_VIRTUAL_PATH+x}" ]; then
    deactivate >/dev/null 2>&1 || true # another venv's, made by venv or uv
fi

deactivate () {
    for _mlenv_name in VIRTUAL_ENV VIRTUAL_ENV_PROMPT PYTHONHOME LD_LIBRARY_PATH PATH PS1; do
        eval "_mlenv_was=\${_MLENV_WAS_$_mlenv_name-} _mlenv_old=\${_MLENV_OLD_$_mlenv_name-}"
        case "$_mlenv_was" in
            unset) unset "$_mlenv_name" ;;
            exported) eval "$_mlenv_name=\$_mlenv_old; export $_mlenv_name" ;;
            private)
                if [ -n "${ZSH_VERSION-}" ]; then
                    typeset -g +x "$_mlenv_name" # unset would end what is special about PATH
                else
                    unset "$_mlenv_name"
                fi
                eval "$_mlenv_name=\$_mlenv_old"
                ;;
            prompt) PS1=$_mlenv_old ;;
        esac
        unset "_MLENV_WAS_$_mlenv_name" "_MLENV_OLD_$_mlenv_name"
    done
    unset _mlenv_name _mlenv_was _mlenv_old
    hash -r 2>/dev/null || true
    if [ "${1-}" != nondestructive ]; then
        unset -f deactivate
    fi
}

deactivate nondestructive # activated before: start from what was there then

# Only a child process can say what is exported.
_mlenv_exported=$(/bin/sh -c 'for name do eval "[ -z \"\${$name+x}\" ] || echo \":$name:\""; done' \
    sh VIRTUAL_ENV VIRTUAL_ENV_PROMPT PYTHONHOME LD_LIBRARY_PATH PATH)
for _mlenv_name in VIRTUAL_ENV VIRTUAL_ENV_PROMPT PYTHONHOME LD_LIBRARY_PATH PATH; do
    eval "_MLENV_OLD_$_mlenv_name=\${$_mlenv_name-} _mlenv_was=\${$_mlenv_name+private}"
    case "$_mlenv_exported" in
        *:"$_mlenv_name":*) _mlenv_was=exported ;;
    esac
    eval "_MLENV_WAS_$_mlenv_name=\${_mlenv_was:-unset}"
done

# The loader's path: the environment's directories, then what was there, but no empty element
# (the current directory) and no directory with a library that the environment's own wheels bring.
_mlenv_path=@FIRST@
_mlenv_rest=${LD_LIBRARY_PATH-}:
while [ -n "$_mlenv_rest" ]; do
    _mlenv_one=${_mlenv_rest%%[:;]*}
    _mlenv_rest=${_mlenv_rest#*[:;]}
    for _mlenv_name in @SHADOWING@; do
        if [ -e "$_mlenv_one/$_mlenv_name" ]; then
            _mlenv_one=
        fi
    done
    if [ -n "$_mlenv_one" ]; then
        _mlenv_path=${_mlenv_path:+$_mlenv_path:}$_mlenv_one
    fi
done
_mlenv_last=@LAST@
if [ -n "$_mlenv_last" ]; then
    _mlenv_path=${_mlenv_path:+$_mlenv_path:}$_mlenv_last
fi
if [ -n "$_mlenv_path" ]; then
    LD_LIBRARY_PATH=$_mlenv_path
    export LD_LIBRARY_PATH
fi

VIRTUAL_ENV=@VENV@
VIRTUAL_ENV_PROMPT=@PROMPT@
PATH=$VIRTUAL_ENV/bin${PATH:+:$PATH}
export VIRTUAL_ENV VIRTUAL_ENV_PROMPT PATH
unset PYTHONHOME

if [ -n "${PS1+x}" ] && [ -z "${VIRTUAL_ENV_DISABLE_PROMPT-}" ]; then
    _MLENV_WAS_PS1=prompt
    _MLENV_OLD_PS1=$PS1
    PS1="($VIRTUAL_ENV_PROMPT) $PS1"
fi

unset _mlenv_exported _mlenv_name _mlenv_was _mlenv_path _mlenv_rest _mlenv_one _mlenv_last
hash -r 2>/dev/null || true
