// SPDX-License-Identifier: Apache-2.0
#include "gasm/data/annotations.hpp"
