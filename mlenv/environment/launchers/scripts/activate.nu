# Made by mlenv, for nushell: `overlay use activate.nu`.
# `deactivate` hides the overlay, and with it everything that is set here.

export-env {
    let name = @PROMPT@
    let venv = @VENV@
    let shadowing = [@SHADOWING@]
    # The loader's path: the environment's directories, then what was there, but no empty element
    # (the current directory) and no directory with a library that the environment's wheels bring.
    let inherited = ($env.LD_LIBRARY_PATH? | default "")
    let elements = (if ($inherited | describe) == "string" {
        $inherited | split row --regex "[:;]"
    } else {
        $inherited
    })
    let kept = ($elements | where {|one|
        $one != "" and not ($shadowing | any {|file| $one | path join $file | path exists })
    })
    let path = ([@FIRST@] ++ $kept ++ [@LAST@])
    if ($path | is-not-empty) {
        $env.LD_LIBRARY_PATH = ($path | str join ":")
    }
    $env.PATH = ($env.PATH | prepend ($venv | path join "bin"))
    $env.VIRTUAL_ENV = $venv
    $env.VIRTUAL_ENV_PROMPT = $name
    hide-env --ignore-errors PYTHONHOME
    if "PROMPT_COMMAND" in $env and ($env.VIRTUAL_ENV_DISABLE_PROMPT? | is-empty) {
        let prompt = $env.PROMPT_COMMAND
        $env.PROMPT_COMMAND = {||
            let text = (if ($prompt | describe) == "closure" { do $prompt } else { $prompt })
            $"\(($name)\) ($text)"
        }
    }
}

export alias deactivate = overlay hide activate
