// A small machine: 128 orders of 16 kinds, one switch each.
#include "program.h"

PROGRAM(dispatch) {
  REQUIRE_INPUT();
  __u32 a = 1, b = INPUT_32(100), steps = 0;
#pragma unroll 1
  for (int at = 0; at < 256; at += 2) {
    const __u32 operand = data[at + 1];
    switch (data[at] & 15) {
      case 0:
        a += operand;
        break;
      case 1:
        a -= b;
        break;
      case 2:
        a ^= operand << 8;
        break;
      case 3:
        a = a << 3 | a >> 29;
        break;
      case 4:
        b += a;
        break;
      case 5:
        b = operand * 0x101;
        break;
      case 6:
        b ^= b >> 7;
        break;
      case 7:
        a *= operand | 1;
        break;
      case 8:
        a = b - a;
        break;
      case 9:
        b = ~b;
        break;
      case 10:
        a &= ~operand;
        break;
      case 11:
        b |= operand;
        break;
      case 12:
        if (a > b) at += 2;
        break;
      case 13:
        if (a & 1) b = a;
        break;
      case 14:
        ++steps;
        break;
      default:
        a += INPUT_16(at);
        break;
    }
  }
  return a ^ b << 1 ^ steps;
}
