# SPDX-License-Identifier: Apache-2.0
# gasm::torch: LibTorch as an imported target of our own. The wheel's
# find_package(Torch) enables the CUDA language, probes for a GPU with nvcc and
# fails under CMake 3.25 with C++20.
include(${CMAKE_CURRENT_LIST_DIR}/GasmDeps.cmake)
if(NOT GASM_TORCH_ROOT)
  if(NOT GASM_DEPS_DIR)
    message(FATAL_ERROR "no place to look for LibTorch (GASM_DEPS, XDG_CACHE_HOME and HOME "
      "are not set). Try GASM_DEPS=/path/to/a/folder, or -DGASM_TORCH_ROOT=/path/to/libtorch.")
  endif()
  file(GLOB _roots ${GASM_DEPS_DIR}/venv-torch-2.11.0/lib/python3*/site-packages/torch)
  if(NOT _roots)
    message(FATAL_ERROR "no LibTorch below ${GASM_DEPS_DIR} (tools/setup has not run). "
      "Try tools/setup, or -DGASM_TORCH_ROOT=/path/to/libtorch.")
  endif()
  list(GET _roots 0 _root)
else()
  set(_root ${GASM_TORCH_ROOT})
endif()
if(NOT EXISTS ${_root}/lib/libtorch_cpu.so)
  message(FATAL_ERROR "${_root} holds no lib/libtorch_cpu.so (not a LibTorch folder). "
    "Try -DGASM_TORCH_ROOT=/path/to/libtorch.")
endif()
message(STATUS "LibTorch: ${_root}")
set(GASM_TORCH_FOLDER ${_root})

file(GLOB _nvidia_libs ${_root}/../nvidia/*/lib)
set(_cuda OFF)
if(EXISTS ${_root}/lib/libtorch_cuda.so)
  if(GASM_CUDA STREQUAL "ON")
    set(_cuda ON)
  elseif(GASM_CUDA STREQUAL "AUTO" AND EXISTS /dev/nvidiactl)
    set(_cuda ON)
  endif()
elseif(GASM_CUDA STREQUAL "ON")
  message(FATAL_ERROR "GASM_CUDA=ON, but ${_root} is a CPU build of LibTorch")
endif()
message(STATUS "LibTorch CUDA libraries linked: ${_cuda}")
set(GASM_CUDA_LINKED ${_cuda})

add_library(gasm_torch INTERFACE)
add_library(gasm::torch ALIAS gasm_torch)
target_include_directories(gasm_torch SYSTEM INTERFACE
  ${_root}/include ${_root}/include/torch/csrc/api/include)
set(_libs ${_root}/lib/libtorch_cpu.so ${_root}/lib/libc10.so)
if(_cuda)
  list(PREPEND _libs ${_root}/lib/libtorch_cuda.so ${_root}/lib/libc10_cuda.so)
endif()
target_link_libraries(gasm_torch INTERFACE
  -Wl,--no-as-needed ${_libs} -Wl,--as-needed Threads::Threads)
target_link_options(gasm_torch INTERFACE -Wl,-rpath,${_root}/lib)
foreach(_dir ${_nvidia_libs})
  target_link_options(gasm_torch INTERFACE
    -Wl,-rpath-link,${_dir} -Wl,-rpath,${_dir})
endforeach()

# One precompiled header of the umbrella header, shared by every unit that needs it
# (35 s once, then 7-14 s a unit instead of 25-30 s).
file(WRITE ${CMAKE_BINARY_DIR}/torch_pch.cpp "")
add_library(gasm_torch_pch OBJECT ${CMAKE_BINARY_DIR}/torch_pch.cpp)
