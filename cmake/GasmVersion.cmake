# SPDX-License-Identifier: Apache-2.0
# Writes build/generated/gasm_build_info.inc at every build when the commit changed.
set(GASM_GENERATED_DIR ${CMAKE_BINARY_DIR}/generated)
add_custom_target(gasm_build_info
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DVERSION=${PROJECT_VERSION}
    -DBUILD_TYPE=${CMAKE_BUILD_TYPE} -DCOMPILER=${CMAKE_CXX_COMPILER_ID}-${CMAKE_CXX_COMPILER_VERSION}
    -DOUTPUT=${GASM_GENERATED_DIR}/gasm_build_info.inc -P ${CMAKE_SOURCE_DIR}/cmake/write_build_info.cmake
  BYPRODUCTS ${GASM_GENERATED_DIR}/gasm_build_info.inc
  VERBATIM)
