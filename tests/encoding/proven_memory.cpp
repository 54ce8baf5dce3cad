// Every pair of registers, with some of the offsets each: all offsets turn up, and all pairs.
#include "encoding/proven_memory.hpp"

#include <array>
#include <vector>

namespace skep::encoding {
namespace {

constexpr std::array<int, 18> kOffsets{0,    1,   -1,  8,    -8,   120,  127,  128,   -128,
                                       -129, 255, 256, -256, -257, 4095, 4096, 32767, -32768};

/// Whether one of every so many: all offsets with some pairs, all pairs with some offsets.
bool takes(unsigned a, unsigned b, int off, unsigned one_in) {
  return (a * 7 + b * 3 + static_cast<unsigned>(off + 40000)) % one_in == 0;
}

constexpr int kProven = 300, kRoom = 64;  // bytes of a packet that are asked for: at first, then from somewhere on

/// `base` is where the packet begins, `end` its end; what is loaded to `other` goes to where `results` is.
struct PacketProgram {
  PacketProgram(unsigned base, unsigned other, unsigned end, unsigned results)
      : base(base), other(other), end(end), results(results) {
    put(insn(0x61, end, 1, 4, 0));
    put(insn(0x61, base, 1, 0, 0));
    ProvenBench::append_address(insns, results, ProvenBench::kMiddle);
  }
  void put(const Insn& what) { insns.push_back(what); }

  void ask(int bytes) {
    put(move(other, base));
    put(insn(0x07, other, 0, 0, bytes));
    jumps.push_back(insns.size());
    put(insn(0x2d, other, end, 0, 0));
  }

  void access(unsigned opcode, int off) {
    put(insn(opcode, other, base, off, 0));
    put(store(results, result += 8, other));
  }

  void access_all() {
    const auto taken = [&](unsigned opcode, int off) { return takes(base, other, off + static_cast<int>(opcode), 3); };
    for (const unsigned opcode : {0x71u, 0x69u, 0x61u, 0x79u, 0x91u, 0x89u, 0x81u})
      for (const int off : {0, 1, 12, 127, 128, 255, 256, kProven - 8})
        if (taken(opcode, off)) access(opcode, off);
    put(load(other, results, 8));
    for (const unsigned opcode : {0x73u, 0x6bu, 0x63u, 0x7bu})
      for (const int off : {0, 127, 128, kProven - 8})
        if (taken(opcode, off)) put(insn(opcode, base, other, off, 0));
    put(insn(0x72, base, 0, 130, -1));
  }

  void turn_round() {
    for (const std::int32_t bits : {16, 32, 64}) {
      put(load(other, base, 14));
      put(insn(0xdc, other, 0, 0, bits));
      put(store(results, result += 8, other));
    }
  }

  /// From a place that a byte says.
  void go_on() {
    put(insn(0x71, other, base, 13, 0));
    put(insn(0x57, other, 0, 0, 60));
    put(insn(0x0f, base, other, 0, 0));
    ask(kRoom);
    for (const int off : {0, 2, kRoom - 8}) access(0x79, off);
  }

  void finish() {
    put(insn(0xb7, 0, 0, 0, 2));
    put(insn(0x95, 0, 0, 0, 0));
    for (const std::size_t jump : jumps) {
      insns[jump].off = static_cast<std::int16_t>(insns.size() - jump - 1);
      put(insn(0xb7, 0, 0, 0, 1));
      put(insn(0x95, 0, 0, 0, 0));
    }
  }

  unsigned base, other, end, results;
  int result = 512;
  std::vector<Insn> insns;
  std::vector<std::size_t> jumps;
};

}  // namespace

void accesses(ProvenBench& bench) {
  for (unsigned base = 0; base < kRegs; ++base)
    for (unsigned other = 0; other < kRegs; ++other) {
      Batch batch(bench, {base, other});
      const unsigned base_bit = 1u << base;
      const unsigned unset = base == other ? 0 : 1u << other;
      const Batch::But loads{.pointers = base_bit, .unset = unset, .hidden = base == other ? 0 : base_bit};
      const Batch::But stores{.pointers = base_bit, .hidden = base_bit};
      for (const isa::FormInfo& row : isa::forms())
        for (const int off : kOffsets) {
          if (off != 0 && !takes(base, other, off, 3)) continue;
          const bool ordered = row.operation == isa::Operation::load_acquire_ ||
                               row.operation == isa::Operation::store_release_ || row.operands == isa::Operands::atomic;
          if (ordered && off % static_cast<int>(row.width() / 8) != 0) continue;
          if (row.operands == isa::Operands::load) batch.add({insn_of(row, other, base, off, 0)}, loads);
          if (row.operands == isa::Operands::store_imm && other == 0)
            batch.add({insn_of(row, base, 0, off, off % 2 == 0 ? -2 : INT32_MAX)}, stores);
          if (base == other) continue;  // pointers are not stored in pieces, nor added up
          if (row.operands == isa::Operands::store_src) batch.add({insn_of(row, base, other, off, 0)}, stores);
        }
    }
}

void atomics(ProvenBench& bench) {
  for (unsigned base = 0; base < kRegs; ++base)
    for (unsigned other = 0; other < kRegs; ++other) {
      if (base == other) continue;
      Batch batch(bench, {base, other, 0u}, 3);
      for_each_row(isa::Operands::atomic, [&](const isa::FormInfo& row) {
        if (base == 0 && row.operation == isa::Operation::atomic_cmpxchg_) return;
        for (const int off : kOffsets)
          if (off % 8 == 0 && (off == 0 || takes(base, other, off, 4)))
            batch.add({insn_of(row, base, other, off, 0)}, {.pointers = 1u << base, .hidden = 1u << base});
      });
    }
}

void addresses(ProvenBench& bench) {
  for (unsigned d = 0; d < kRegs; ++d)
    for (unsigned x = 0; x < kRegs; ++x) {
      if (x == d) continue;
      Batch batch(bench, {d, x});
      const unsigned p = batch.pointer();
      for (const unsigned opcode : {0x71u, 0x69u, 0x61u, 0x79u, 0x91u, 0x89u, 0x81u})
        for (const int off : {0, 127, -128, 128}) {
          const Insn small = insn(0x57, x, 0, 0, 0xf8);
          for (const std::int32_t by : {0, 1, 2, 3, 4}) {
            if (!takes(d, x, off + by, 2)) continue;
            std::vector<Insn> piece{small, move(d, x), insn(0x67, d, 0, 0, by), insn(0x0f, d, p, 0, 0),
                                    insn(opcode, d, d, off, 0)};
            batch.add(piece, {.unset = 1u << d});
            piece[1] = move(d, p);
            piece[2] = insn(0x67, x, 0, 0, by);
            piece[3] = insn(0x0f, d, x, 0, 0);
            batch.add(piece, {.unset = 1u << d});
          }
          batch.add({move(d, p), insn(0x07, d, 0, 0, 1000 - off), insn(opcode, x, d, off, 0)},
                    {.unset = 1u << d | 1u << x, .hidden = 1u << d});
        }
      for (const unsigned opcode : {0x73u, 0x6bu, 0x63u, 0x7bu})
        for (const int off : {0, 127, -128, 128})
          batch.add({insn(0x57, d, 0, 0, 0x78), insn(0x0f, d, p, 0, 0), insn(opcode, d, x, off, 0)},
                    {.hidden = 1u << d});
    }
}

void frames(ProvenBench& bench) {
  for (unsigned reg = 0; reg < kRegs; ++reg) {
    Batch batch(bench, {reg}, 6);
    for (const unsigned size : {0x10u, 0x08u, 0x00u, 0x18u}) {
      const int bytes = size == 0x10 ? 1 : size == 0x08 ? 2 : size == 0x00 ? 4 : 8;
      for (const int off : {-16, -120, -128, -136, -256, -264, -504, -512}) {
        batch.add({insn(0x63 + size, 10, reg, off, 0), insn(0x61 + size, reg, 10, off, 0)});
        if (bytes < 8)
          batch.add({insn(0x63 + size, 10, reg, off + bytes, 0), insn(0x61 + size, reg, 10, off + bytes, 0)});
      }
    }
  }
}

void assembled(ProvenBench& bench) {
  for (unsigned d = 0; d < kRegs; ++d)
    for (unsigned t = 0; t < kRegs; ++t) {
      if (t == d) continue;
      Batch batch(bench, {d, t}, 8, Look::bytes);
      const unsigned p = batch.pointer();
      const Batch::But but{.unset = 1u << d | 1u << t, .hidden = 1u << t};
      for (const int bytes : {2, 4, 8})
        for (const int off : {0, 121, -128, 4091}) {
          if (off != 0 && !takes(d, t, off + bytes, 2)) continue;
          for (const unsigned join : {0x4fu, 0x0fu, 0x4cu})
            for (const bool turned : {false, true}) {
              if (join == 0x4c && bytes == 8) continue;
              std::vector<Insn> piece;
              for (int i = 0; i < bytes; ++i) {
                const unsigned reg = i == 0 ? d : t;
                const int place = turned ? bytes - 1 - i : i;
                piece.push_back(insn(0x71, reg, p, off + place, 0));
                if (i != 0) piece.push_back(insn(0x67, reg, 0, 0, 8 * i));
                if (i != 0) piece.push_back(insn(join, d, t, 0, 0));
              }
              batch.add(piece, but);
              // From the top down: what there is goes up for the next.
              piece.clear();
              for (int i = bytes; i-- > 0;) {
                const bool is_first = i + 1 == bytes;
                const int place = turned ? bytes - 1 - i : i;
                if (!is_first) piece.push_back(insn(0x67, d, 0, 0, 8));
                piece.push_back(insn(0x71, is_first ? d : t, p, off + place, 0));
                if (!is_first) piece.push_back(insn(join, d, t, 0, 0));
              }
              batch.add(piece, but);
            }
          // With a hole, or where a part is asked for, too.
          std::vector<Insn> piece;
          for (const int place : {0, 1, 3, 4}) {
            const unsigned reg = place == 0 ? d : t;
            piece.push_back(insn(0x71, reg, p, off + place, 0));
            if (place != 0) piece.push_back(insn(0x67, reg, 0, 0, place < 2 ? 8 : 8 * (place - 1)));
            if (place != 0) piece.push_back(insn(0x4f, d, t, 0, 0));
          }
          batch.add(piece, but);
          batch.add(
              {insn(0x71, d, p, off, 0), insn(0x71, t, p, off + 1, 0), insn(0x67, t, 0, 0, 8), insn(0x4f, d, t, 0, 0)},
              {.unset = but.unset});
        }
    }
}

void rows_of_numbers(ProvenBench& bench) {
  for (unsigned base = 0; base < kRegs; ++base) {
    Batch batch(bench, {base}, 4);
    const Batch::But but{.pointers = 1u << base, .hidden = 1u << base};
    for (const int start : {0, 100, 127, 2000, -128, -4096})
      for (const int count : {2, 3, 5, 8, 17, 40})
        for (const std::int32_t number : {0, -1, 0x7f, 0x12345678}) {
          std::vector<Insn> upwards, downwards;
          for (int i = 0; i < count; ++i) upwards.push_back(insn(0x72, base, 0, start + i, number >> i % 4));
          for (int i = count; i > 0; --i) downwards.push_back(insn(0x62, base, 0, start + 4 * i, number));
          batch.add(upwards, but);
          batch.add(downwards, but);
        }
  }
}

void packets(ProvenBench& bench) {
  for (unsigned base = 0; base < kRegs; ++base)
    for (unsigned other = 0; other < kRegs; ++other) {
      if (other == base) continue;
      // r1 is the context as long as it is needed.
      std::vector<unsigned> rest;
      for (unsigned reg = 0; reg < kRegs; ++reg)
        if (reg != base && reg != other && reg != 1) rest.push_back(reg);
      const unsigned end = rest[(base + other) % rest.size()], results = rest[(base + other + 3) % rest.size()];
      PacketProgram program(base, other, end, results);
      program.ask(kProven);
      program.access_all();
      program.turn_round();
      program.go_on();
      program.finish();
      bench.check_on_packets(program.insns);
    }
}

void lookups(ProvenBench& bench) {
  for (const int slot : {-4, -16, -132, -512})
    for (unsigned kept = 6; kept < kRegs; ++kept) {
      std::vector<Insn> program;
      ProvenBench::append_address(program, kept, ProvenBench::kMiddle);
      program.push_back(insn(0x61, 1, kept, 8, 0));
      program.push_back(insn(0x63, 10, 1, slot, 0));
      program.push_back(insn(0x18, 1, 1, 0, 0));  // the map
      program.push_back(insn(0, 0, 0, 0, 0));
      program.push_back(move(2, 10));
      program.push_back(insn(0x07, 2, 0, 0, slot));
      program.push_back(insn(0x85, 0, 0, 0, 1));
      program.push_back(insn(0x15, 0, 0, 1, 0));
      program.push_back(load(0, 0, 4096));
      program.push_back(store(kept, 16, 0));
      program.push_back(insn(0xb7, 0, 0, 0, 0));
      program.push_back(insn(0x95, 0, 0, 0, 0));
      bench.check(program, Look::contract);
    }
}

void updates(ProvenBench& bench) {
  constexpr std::int32_t kAny = 0, kExist = 2;
  for (unsigned map = 1; map <= ProvenBench::kSmallBytes.size(); ++map)
    for (unsigned kept = 6; kept < kRegs; ++kept)
      for (const int slot : {-4, -132, -512})
        for (const int value : {-32, -160, -480})
          for (const bool on_stack : {false, true}) {
            std::vector<Insn> program;
            ProvenBench::append_address(program, kept, ProvenBench::kMiddle);
            for (int off = 0; off < 24; off += 8) {
              program.push_back(load(1, kept, 16 + off));
              program.push_back(store(10, value + off, 1));
            }
            program.push_back(insn(0x61, 1, kept, 8 * static_cast<int>(kept), 0));
            program.push_back(insn(0x57, 1, 0, 0, 3));
            program.push_back(insn(0x63, 10, 1, slot, 0));
            program.push_back(insn(0x63, kept, 1, 4096, 0));
            program.push_back(insn(0x18, 1, 1, 0, static_cast<std::int32_t>(map)));
            program.push_back(insn(0, 0, 0, 0, 0));
            program.push_back(move(2, on_stack ? 10 : kept));
            program.push_back(insn(0x07, 2, 0, 0, on_stack ? slot : 4096));
            program.push_back(move(3, on_stack ? 10 : kept));
            program.push_back(insn(0x07, 3, 0, 0, on_stack ? value : 129));
            program.push_back(insn(0xb7, 4, 0, 0, slot == -4 ? kExist : kAny));
            program.push_back(insn(0x85, 0, 0, 0, 2));
            program.push_back(store(kept, 16, 0));
            program.push_back(insn(0xb7, 0, 0, 0, 0));
            program.push_back(insn(0x95, 0, 0, 0, 0));
            bench.check(program, Look::contract);
          }
}

}  // namespace skep::encoding
