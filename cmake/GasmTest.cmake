# SPDX-License-Identifier: Apache-2.0
# gasm_add_test(<name> SOURCES ... LINK ... [TORCH] [NP 1 2 3 4] [LABELS ...] [TIMEOUT s])
#
# Without NP: a plain GoogleTest program (label "unit" unless LABELS says otherwise).
# With NP: the program links tests/support's MPI main, and CTest runs it once for
# every rank count (label "mpi"), oversubscribed, one OpenMP thread a rank.
find_package(GTest REQUIRED)
set(GASM_TEST_PYTHON ${GASM_DEPS_DIR}/venv-torch-2.11.0/bin/python CACHE FILEPATH
  "Python with torch and tests/parity/requirements.txt")

set(GASM_TEST_ENV
  OMP_NUM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
  OMPI_MCA_hwloc_base_binding_policy=none)

function(gasm_add_test name)
  cmake_parse_arguments(arg "TORCH" "TIMEOUT" "SOURCES;LINK;NP;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE FMT_HEADER_ONLY=1)
  target_link_libraries(${name} PRIVATE ${arg_LINK} GTest::gtest GTest::gmock gasm::options)
  if(arg_TORCH)
    target_link_libraries(${name} PRIVATE gasm::torch)
    target_precompile_headers(${name} REUSE_FROM gasm_torch_pch)
    # The precompiled header is position-independent; -fPIE would refuse it.
    target_compile_options(${name} PRIVATE -fPIC)
  endif()
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(arg_NP)
    target_link_libraries(${name} PRIVATE gasm_test_mpi_main)
    foreach(np ${arg_NP})
      add_test(NAME ${name}.np${np} COMMAND ${MPIEXEC_EXECUTABLE} --oversubscribe
        -n ${np} $<TARGET_FILE:${name}>)
      set_tests_properties(${name}.np${np} PROPERTIES PROCESSORS ${np}
        LABELS "mpi;${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${GASM_TEST_ENV}")
    endforeach()
  else()
    if(NOT arg_LABELS)
      set(arg_LABELS unit)
    endif()
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES PROCESSORS 1 LABELS "${arg_LABELS}"
      TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${GASM_TEST_ENV}")
  endif()
endfunction()
