// Machine code against the program it was made of, by what a decoder that is not ours reads in it.
//
// Of all code: every byte belongs to an instruction, every direct branch goes to the beginning of one, and so does
// every part that the code map names. Of the part that is looked at closely: its instructions leave in registers and
// memory, on every way through, what the BPF instructions ask for, bit for bit as terms; nothing is run. Of code that
// was proven, where instructions are put off and melt together, that part is a function from its first instruction to
// its returns, and no instruction is one that such code has no use for (contract.hpp).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <skep/insn.hpp>
#include <skep/machine_code.hpp>

#include "encoding/decoded.hpp"
#include "encoding/terms.hpp"

namespace skep::encoding {

enum class Look : std::uint8_t {
  parts,     ///< at each part of the code map between the slots
  whole,     ///< at the program, which is one function without loops and calls, as one part
  bytes,     ///< the same, where it puts numbers together from loaded bytes
  contract,  ///< at no part: each instruction for itself
};

/// A program and what it became. Copies: executables need not live on.
struct Built {
  std::vector<Insn> program;
  std::uint32_t first = 0;  ///< slots to look at closely
  std::uint32_t last = 0;   ///< the one after them
  std::vector<std::byte> bytes;
  std::vector<MachineCode::Part> parts;
  Look look = Look::parts;
};

/// What was looked at.
struct Looked {
  std::uint64_t codes = 0;
  std::uint64_t insns = 0;  ///< decoded
  std::uint64_t parts = 0;  ///< compared as terms
};

class Agreement {
 public:
  explicit Agreement(Decoder& decoder) : decoder_(decoder) {}
  /// What is wrong, in a line; nothing when all is as it should be. The decoder expects the code.
  [[nodiscard]] std::optional<std::string> find_fault(const Built& built);
  [[nodiscard]] const Looked& looked() const noexcept { return looked_; }

 private:
  Decoder& decoder_;
  Looked looked_;
  Terms terms_;
};

}  // namespace skep::encoding
