# Made by mlenv, for csh and tcsh. Source it: `source activate.csh`.
# `deactivate` puts every variable back as it was, and what was not set is not set again.

if ($?_mlenv_was_PATH || $?_OLD_VIRTUAL_PATH) then
    deactivate # this environment or another venv's: start from what was there before
endif

set _mlenv_newline = '\
'

# csh can't split a path: sh prints the csh commands that keep what is there and set what shall be.
setenv _MLENV_PROGRAM @PROGRAM@
eval "`printenv _MLENV_PROGRAM | /bin/sh`"
unsetenv _MLENV_PROGRAM

alias deactivate @RESTORE@

setenv VIRTUAL_ENV @VENV@
setenv VIRTUAL_ENV_PROMPT @PROMPT@
setenv PATH "$VIRTUAL_ENV:q/bin:$PATH:q"
unsetenv PYTHONHOME
rehash

set _mlenv_was_prompt = unset
set _mlenv_old_prompt = ''
if ($?prompt && ! $?VIRTUAL_ENV_DISABLE_PROMPT) then
    set _mlenv_was_prompt = kept
    set _mlenv_old_prompt = "$prompt:q"
    set prompt = "($VIRTUAL_ENV_PROMPT:q) $prompt:q"
endif
