// A tokenizer: numbers, words, quoted text and comments out of 256 characters, one branch after the other.
#include "program.h"

enum state { kSpace, kNumber, kWord, kQuoted, kEscape, kComment };

PROGRAM(state_machine) {
  REQUIRE_INPUT();
  enum state state = kSpace;
  __u32 numbers = 0, words = 0, texts = 0;
#pragma unroll 1
  for (int i = 0; i < 256; ++i) {
    const __u8 c = data[i] & 0x7f;
    switch (state) {
      case kSpace:
      case kNumber:
      case kWord:
        if (c >= '0' && c <= '9') {
          if (state == kSpace) ++numbers, state = kNumber;
        } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') {
          if (state == kSpace) ++words;
          state = kWord;
        } else if (c == '"') {
          state = kQuoted;
        } else if (c == '#') {
          state = kComment;
        } else {
          state = kSpace;
        }
        break;
      case kQuoted:
        if (c == '"') ++texts, state = kSpace;
        else if (c == '\\') state = kEscape;
        break;
      case kEscape:
        state = kQuoted;
        break;
      case kComment:
        if (c < 0x20) state = kSpace;
        break;
    }
  }
  return numbers << 16 ^ words << 8 ^ texts;
}
