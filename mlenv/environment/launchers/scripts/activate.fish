# Made by mlenv, for fish. Source it: `source activate.fish`.
# `deactivate` puts every variable back as it was: its value, and whether it was set and exported.

if set -q _OLD_VIRTUAL_PATH; and functions -q deactivate
    deactivate # another venv's, made by venv or uv
end

function deactivate -d 'Leave the environment'
    for name in VIRTUAL_ENV VIRTUAL_ENV_PROMPT PYTHONHOME LD_LIBRARY_PATH PATH
        set -l was _mlenv_was_$name
        set -l old _mlenv_old_$name
        switch "$$was"
            case unset
                set -eg $name
            case exported
                set -gx $name $$old
            case private
                set -gu $name $$old
        end
        set -eg $was
        set -eg $old
    end
    if functions -q _mlenv_fish_prompt
        functions -e fish_prompt
        functions -c _mlenv_fish_prompt fish_prompt
        functions -e _mlenv_fish_prompt
    end
    if test "$argv[1]" != nondestructive
        functions -e deactivate
    end
end

deactivate nondestructive # activated before: start from what was there then

for _mlenv_name in VIRTUAL_ENV VIRTUAL_ENV_PROMPT PYTHONHOME LD_LIBRARY_PATH PATH
    if not set -qg $_mlenv_name # a universal variable is seen again when ours is gone
        set -g _mlenv_was_$_mlenv_name unset
    else if set -qgx $_mlenv_name
        set -g _mlenv_was_$_mlenv_name exported
    else
        set -g _mlenv_was_$_mlenv_name private
    end
    set -g _mlenv_old_$_mlenv_name $$_mlenv_name
end

# The loader's path: the environment's directories, then what was there, but no empty element
# (the current directory) and no directory with a library that the environment's own wheels bring.
set -l path @FIRST@
set -l inherited $LD_LIBRARY_PATH
if string match -q '*;*' -- "$inherited"
    set inherited (string split ';' -- $inherited)
end
for one in $inherited
    for name in @SHADOWING@
        if test -e "$one/$name"
            set one
            break
        end
    end
    if test -n "$one"
        set -a path $one
    end
end
set -a path @LAST@
if set -q path[1]
    set -gx LD_LIBRARY_PATH $path
end

set -gx VIRTUAL_ENV @VENV@
set -gx VIRTUAL_ENV_PROMPT @PROMPT@
set -gx PATH $VIRTUAL_ENV/bin $PATH
set -eg PYTHONHOME
set -e _mlenv_name

if test -z "$VIRTUAL_ENV_DISABLE_PROMPT"; and functions -q fish_prompt
    functions -c fish_prompt _mlenv_fish_prompt
    function fish_prompt
        set -l prompt (_mlenv_fish_prompt) # first: it may show the last command's status
        printf '(%s) %s' $VIRTUAL_ENV_PROMPT (string join -- \n $prompt | string collect)
    end
end
