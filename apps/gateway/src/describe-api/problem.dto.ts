import { ApiProperty } from '@nestjs/swagger';
import { errorCodes } from '#kernel';

/** Problem details as of RFC 9457; further members explain the single occurrence. */
export class ProblemDto {
  @ApiProperty() type: string;
  @ApiProperty({ description: 'What the code means and what to do' }) title: string;
  @ApiProperty() status: number;
  @ApiProperty() detail: string;
  @ApiProperty({ enum: Object.keys(errorCodes), description: 'Stable' }) code: string;
}
