// Instructions of a given form for tests: every combination of a few values, extremes among them, in the fields that
// the form leaves free.
#pragma once

#include <cstdint>
#include <vector>

#include <skep/insn.hpp>

#include "isa/table.hpp"

namespace skep::test {

/// Each element is one instruction, of two slots where the form is wide.
inline std::vector<std::vector<Insn>> samples(const isa::FormInfo& row) {
  const auto choose = [](bool free, std::int64_t fixed, std::vector<std::int64_t> values) {
    return free ? values : std::vector<std::int64_t>{fixed};
  };
  const bool cast = row.operands == isa::Operands::dst_src_imm;
  const bool no_upper = row.operation == isa::Operation::lddw_map_ || row.operation == isa::Operation::lddw_map_idx_ ||
                        row.operation == isa::Operation::lddw_func_;
  const auto dsts = choose(row.has_dst(), 0, {0, 1, 10});
  const auto srcs = choose(row.src == isa::kAny, row.src, {0, 2, 10});
  const auto offs = choose(row.off == isa::kAny, row.off, {0, 4, -8, INT16_MAX, INT16_MIN});
  const auto imms = cast ? std::vector<std::int64_t>{1, 0x10000}
                         : choose(row.imm == isa::kAny, row.imm, {0, 5, -7, INT32_MAX, INT32_MIN});
  const auto uppers = choose(row.wide() && !no_upper, 0, {0, 1, -1, INT32_MIN});
  std::vector<std::vector<Insn>> all;
  for (auto dst : dsts) {
    for (auto src : srcs) {
      for (auto off : offs) {
        for (auto imm : imms) {
          for (auto upper : uppers) {
            all.push_back({Insn(row.opcode, static_cast<std::uint8_t>(dst), static_cast<std::uint8_t>(src),
                                static_cast<std::int16_t>(off), static_cast<std::int32_t>(imm))});
            if (row.wide()) all.back().push_back(Insn(0, 0, 0, 0, static_cast<std::int32_t>(upper)));
          }
        }
      }
    }
  }
  return all;
}

}  // namespace skep::test
