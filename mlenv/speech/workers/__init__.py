"""Workers: what runs inside the environment, in its own Python, beside its own libraries.

`__main__.py` starts one by name. A worker imports nothing of mlenv but the modules of this
package, and finds them wherever it is started.
"""
