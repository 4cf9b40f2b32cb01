# SPDX-License-Identifier: Apache-2.0
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND git -C ${SOURCE} rev-parse HEAD
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
if(failed)
  set(commit "unknown")
  set(dirty "")
else()
  execute_process(COMMAND git -C ${SOURCE} status --porcelain --untracked-files=no
    OUTPUT_VARIABLE dirty OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(dirty STREQUAL "")
  set(is_dirty false)
else()
  set(is_dirty true)
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT
"inline constexpr char const* kVersion = \"@VERSION@\";
inline constexpr char const* kCommit = \"@commit@\";
inline constexpr bool kDirty = @is_dirty@;
inline constexpr char const* kBuildType = \"@BUILD_TYPE@\";
inline constexpr char const* kCompiler = \"@COMPILER@\";
" @ONLY)
