# Made by mlenv, for PowerShell. Source it: `. activate.ps1`.
# `deactivate` puts every variable back as it was, and what was not set is not set again.

if (Test-Path Function:\deactivate) {
    deactivate # this environment or another venv's: start from what was there before
}

$global:_MlenvOld = @{}
foreach ($name in 'VIRTUAL_ENV', 'VIRTUAL_ENV_PROMPT', 'PYTHONHOME', 'LD_LIBRARY_PATH', 'PATH') {
    $global:_MlenvOld[$name] = [Environment]::GetEnvironmentVariable($name)
}

function global:deactivate {
    foreach ($name in $global:_MlenvOld.Keys) {
        [Environment]::SetEnvironmentVariable($name, $global:_MlenvOld[$name])
    }
    if (Test-Path Function:\_MlenvOldPrompt) {
        Copy-Item Function:\_MlenvOldPrompt Function:\prompt
        Remove-Item Function:\_MlenvOldPrompt
    }
    Remove-Variable _MlenvOld -Scope Global
    Remove-Item Function:\deactivate
}

# The loader's path: the environment's directories, then what was there, but no empty element
# (the current directory) and no directory with a library that the environment's own wheels bring.
$shadowing = @(@SHADOWING@)
$kept = "$env:LD_LIBRARY_PATH" -split '[:;]' | Where-Object {
    $one = $_
    $one -and -not ($shadowing | Where-Object { Test-Path -LiteralPath "$one/$_" })
}
$path = @(@FIRST@) + @($kept) + @(@LAST@) | Where-Object { $_ }
if ($path) {
    $env:LD_LIBRARY_PATH = $path -join ':'
}

$env:VIRTUAL_ENV = @VENV@
$env:VIRTUAL_ENV_PROMPT = @PROMPT@
$env:PATH = "$env:VIRTUAL_ENV/bin:$env:PATH"
Remove-Item Env:\PYTHONHOME -ErrorAction SilentlyContinue

if (-not $env:VIRTUAL_ENV_DISABLE_PROMPT -and (Test-Path Function:\prompt)) {
    function global:_MlenvOldPrompt { '' }
    Copy-Item Function:\prompt Function:\_MlenvOldPrompt
    function global:prompt {
        "($env:VIRTUAL_ENV_PROMPT) $(_MlenvOldPrompt)"
    }
}
