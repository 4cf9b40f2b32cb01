# SPDX-License-Identifier: Apache-2.0
# GASM_DEPS_DIR: where tools/setup keeps what several clones share. As in the
# shell, a variable that is empty counts as not set. Empty: no place is known.
if(NOT "$ENV{GASM_DEPS}" STREQUAL "")
  set(GASM_DEPS_DIR $ENV{GASM_DEPS})
elseif(NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
  set(GASM_DEPS_DIR $ENV{XDG_CACHE_HOME}/gasm)
elseif(NOT "$ENV{HOME}" STREQUAL "")
  set(GASM_DEPS_DIR $ENV{HOME}/.cache/gasm)
else()
  set(GASM_DEPS_DIR "")
endif()
