// Everything of skep's C++ face. Include the single headers where compile time matters.
#pragma once

#include <skep/context.hpp>
#include <skep/error.hpp>
#include <skep/executable.hpp>
#include <skep/extern_value.hpp>
#include <skep/global.hpp>
#include <skep/helper.hpp>
#include <skep/host.hpp>
#include <skep/insn.hpp>
#include <skep/link.hpp>
#include <skep/map.hpp>
#include <skep/object.hpp>
#include <skep/open_object.hpp>
#include <skep/perf_buffer.hpp>
#include <skep/ring_buffer.hpp>
#include <skep/section_rule.hpp>
#include <skep/types.hpp>
#include <skep/verify.hpp>
