// What no instruction of code that was proven may be, whatever it is part of: another one than those the backends use,
// one that keeps old bits of a register, one that looks anywhere but around a register, or one that touches what is
// C's or the machine's.
#pragma once

#include <string>

#include <skep/machine_code.hpp>

#include "encoding/decoded.hpp"
#include "encoding/machine_meaning.hpp"

namespace skep::encoding {

/// Why the instruction has no business in a part of that role; empty when it may be there.
[[nodiscard]] std::string outside_contract(Processor processor, const Decoded& insn, MachineCode::Role role);

}  // namespace skep::encoding
