# SPDX-License-Identifier: Apache-2.0
# gasm::options: the language level, warnings and sanitizers of our own code.
add_library(gasm_options INTERFACE)
add_library(gasm::options ALIAS gasm_options)
target_compile_features(gasm_options INTERFACE cxx_std_20)
target_compile_options(gasm_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  $<$<BOOL:${GASM_WERROR}>:-Werror>)
if(GASM_SANITIZE)
  target_compile_options(gasm_options INTERFACE
    -fsanitize=${GASM_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(gasm_options INTERFACE -fsanitize=${GASM_SANITIZE})
endif()
