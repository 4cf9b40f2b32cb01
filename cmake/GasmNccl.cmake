# SPDX-License-Identifier: Apache-2.0
# gasm::nccl: headers of NCCL and of the CUDA runtime, and where their libraries
# may lie. Nothing is linked: src/comm loads both libraries when somebody asks for
# NCCL, so a build needs no GPU, no driver and no nvcc. The headers are those of
# LibTorch's wheel, else of a CUDA toolkit; GASM_NCCL says whether they are there.
file(GLOB _wheel_nccl ${GASM_TORCH_FOLDER}/../nvidia/nccl/include)
file(GLOB _wheel_cuda ${GASM_TORCH_FOLDER}/../nvidia/cu*/include)
set(_toolkit /usr/local/cuda/include $ENV{CUDA_HOME}/include $ENV{CUDA_PATH}/include)
find_path(GASM_NCCL_INCLUDE nccl.h HINTS ${_wheel_nccl} ${_toolkit} $ENV{NCCL_HOME}/include
  NO_CMAKE_FIND_ROOT_PATH)
find_path(GASM_CUDART_INCLUDE cuda_runtime_api.h HINTS ${_wheel_cuda} ${_toolkit}
  NO_CMAKE_FIND_ROOT_PATH)
set(GASM_NCCL OFF)
if(NOT GASM_CUDA STREQUAL "OFF" AND GASM_NCCL_INCLUDE AND GASM_CUDART_INCLUDE)
  set(GASM_NCCL ON)
elseif(GASM_CUDA STREQUAL "ON")
  message(FATAL_ERROR "GASM_CUDA=ON, but nccl.h or cuda_runtime_api.h is missing. "
    "Try -DGASM_NCCL_INCLUDE=/path/to/nccl/include -DGASM_CUDART_INCLUDE=/path/to/cuda/include.")
endif()
message(STATUS "NCCL: ${GASM_NCCL} (${GASM_NCCL_INCLUDE})")

add_library(gasm_nccl INTERFACE)
add_library(gasm::nccl ALIAS gasm_nccl)
if(GASM_NCCL)
  target_include_directories(gasm_nccl SYSTEM INTERFACE
    ${GASM_NCCL_INCLUDE} ${GASM_CUDART_INCLUDE})
  foreach(_include ${GASM_NCCL_INCLUDE} ${GASM_CUDART_INCLUDE})
    get_filename_component(_lib ${_include}/../lib REALPATH)
    target_link_options(gasm_nccl INTERFACE -Wl,-rpath,${_lib})
  endforeach()
endif()

# GASM_CUDA_UNITS: whether units that include LibTorch's own headers for CUDA can be
# compiled. They are wherever they can be, and linked where LibTorch's CUDA libraries are.
set(GASM_CUDA_UNITS OFF)
if(GASM_NCCL AND EXISTS ${GASM_TORCH_FOLDER}/lib/libtorch_cuda.so)
  set(GASM_CUDA_UNITS ON)
elseif(GASM_CUDA_LINKED)
  message(FATAL_ERROR "LibTorch's CUDA libraries are linked, but CUDA's headers are missing. "
    "Try -DGASM_CUDART_INCLUDE=/path/to/cuda/include, or -DGASM_CUDA=OFF.")
endif()
message(STATUS "Units that need CUDA: compiled ${GASM_CUDA_UNITS}, linked ${GASM_CUDA_LINKED}")
