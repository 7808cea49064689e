import { tokensCss } from "../src/tokens/css.ts";

export const tokensFile = (): string => `/* Made from tokens.ts by \`npm run tokens -w ui\`. */\n${tokensCss()}`;
