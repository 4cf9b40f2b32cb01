# SPDX-License-Identifier: Apache-2.0
# gasm_module(<name> [TORCH] SOURCES ... [PUBLIC ...] [PRIVATE ...])
# One static library a module; its PUBLIC and PRIVATE links are the layering.
# TORCH: the module's units see LibTorch through the shared precompiled header.
function(gasm_use_torch target)
  target_link_libraries(${target} PUBLIC gasm::torch)
  target_precompile_headers(${target} REUSE_FROM gasm_torch_pch)
endfunction()

function(gasm_module name)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(target gasm_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(gasm::${name} ALIAS ${target})
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/include
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${arg_PUBLIC}
    PRIVATE ${arg_PRIVATE} gasm::options)
  target_compile_definitions(${target} PRIVATE FMT_HEADER_ONLY=1)
  if(arg_TORCH)
    gasm_use_torch(${target})
  endif()
endfunction()

# The precompiled header must see exactly the options of the units that reuse it.
target_link_libraries(gasm_torch_pch PRIVATE gasm::torch gasm::options)
target_compile_definitions(gasm_torch_pch PRIVATE FMT_HEADER_ONLY=1)
target_precompile_headers(gasm_torch_pch PRIVATE <torch/torch.h>)
